"""How readily the kernel kills this agent, and the dockershim that it starts: oomScoreAdj of the configuration."""

import logging
from pathlib import Path

logger = logging.getLogger(__name__)


def apply_own_score(score: int, proc: Path = Path("/proc")) -> bool:
    """Children inherit it. Where the kernel refuses (no CAP_SYS_RESOURCE) the agent goes on with what it has."""
    try:
        (proc / "self/oom_score_adj").write_text(str(score))
    except OSError as error:
        logger.warning("The agent's oom_score_adj cannot be set wanted=%d error=%s", score, error.strerror)
        return False
    return True
