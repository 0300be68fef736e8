"""Carries out what kubelet.actions planned: `sync` for a living pod, `kill` for stopping, `hooks` for lifecycle."""
