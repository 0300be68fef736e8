"""What the agent is told: KubeletConfiguration files, drop-ins and the command line, merged with upstream precedence.

    argv ─▶ commandline ─┐
    --config ─▶ document ├─▶ load ─▶ validation ─▶ Options
    --config-dir ────────┘
"""

from kubelet.config.duration import Duration
from kubelet.config.errors import ConfigError
from kubelet.config.flags import KubeletFlags
from kubelet.config.flagvalues import effective_flags
from kubelet.config.gates import enabled
from kubelet.config.load import Options, PrintAndExit, load
from kubelet.config.types import KubeletConfiguration, to_plain

__all__ = ["ConfigError", "Duration", "KubeletConfiguration", "KubeletFlags", "Options", "PrintAndExit",
           "effective_flags", "enabled", "load", "to_plain"]
