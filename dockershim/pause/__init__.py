"""The pause container: what holds a pod's namespaces. The built-in one is for nodes that no registry reaches."""
