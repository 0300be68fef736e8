"""Which engines a test of tests/node runs on, read from its fixtures: their parameters, or the node that they make.

    test ─▶ its arguments ─▶ fixtures of the file, else of conftest ─▶ params that name engines
                                                                    └▶ a ThrowawayNode made without one: Debian's, 20.10

Pure: sources in, names of engines out. `STORES` and the like are resolved where they are written down.
"""

import ast
from collections.abc import Iterable, Mapping

ENGINES = ("20.10", "29")
_DEFAULT = "20.10"
_NODE = "ThrowawayNode"
Function = ast.FunctionDef | ast.AsyncFunctionDef


def engines_by_test(sources: Mapping[str, str], shared: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """`file::test` to the engines that it runs on, oldest first; none for a test without an engine.

    `shared` are the sources of conftest and helpers, whose fixtures and constants every file may use.
    """
    common = _Scope({}, {})
    for source in shared:
        common = common.with_source(source)
    found = {}
    for file, source in sources.items():
        scope = common.with_source(source)
        for name in scope.functions:
            if name.startswith("test_"):
                engines = scope.engines_of(name, frozenset())
                found[f"{file}::{name}"] = tuple(engine for engine in ENGINES if engine in engines)
    return found


class _Scope:
    """Functions and constants by name."""

    def __init__(self, functions: Mapping[str, Function], constants: Mapping[str, ast.expr]) -> None:
        self.functions, self._constants = dict(functions), dict(constants)

    def with_source(self, source: str) -> "_Scope":
        grown = _Scope(self.functions, self._constants)
        for node in ast.parse(source).body:
            if isinstance(node, Function):
                grown.functions[node.name] = node
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                grown._constants[node.targets[0].id] = node.value
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
                grown._constants[node.target.id] = node.value
        return grown

    def engines_of(self, name: str, seen: frozenset[str]) -> set[str]:
        function = self.functions.get(name)
        if function is None or name in seen:
            return set()
        given = self._parameters(function)
        if given:
            return given
        engines = {_DEFAULT} if _makes_a_default_node(function) else set()
        for argument in function.args.args:
            engines |= self.engines_of(argument.arg, seen | {name})
        return engines

    def _parameters(self, function: Function) -> set[str]:
        """Engines among the `params` of a fixture, or the values of a parametrized test."""
        texts: set[str] = set()
        for decorator in function.decorator_list:
            if isinstance(decorator, ast.Call):
                given = [word.value for word in decorator.keywords if word.arg == "params"]
                for value in (*decorator.args[1:], *given):
                    texts |= self._texts(value)
        return {engine for engine in ENGINES for text in texts if text == engine or text.startswith(f"{engine}-")}

    def _texts(self, value: ast.expr) -> set[str]:
        if isinstance(value, ast.Name) and value.id in self._constants:
            value = self._constants[value.id]
        if isinstance(value, ast.Dict):
            value = ast.Tuple([key for key in value.keys if key is not None])
        if not isinstance(value, ast.List | ast.Tuple):
            return set()
        return {one.value for one in value.elts if isinstance(one, ast.Constant) and isinstance(one.value, str)}


def _makes_a_default_node(function: Function) -> bool:
    return any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == _NODE
        and not any(word.arg == "engine" for word in node.keywords)
        for node in ast.walk(function)
    )
