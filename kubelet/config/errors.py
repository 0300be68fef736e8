"""The one error of configuration."""


class ConfigError(Exception):
    """Configuration that cannot be used: `where` is a flag or a file, `path` the field's place in it.

    Its text is one line: where, path, problem and what to do."""

    def __init__(self, where: str, path: str, problem: str) -> None:
        super().__init__(f"{where}: {path}: {problem}" if path else f"{where}: {problem}")
        self.where, self.path, self.problem = where, path, problem
