"""Python stubs of one protocol definition in a Go module: messages, typed stubs and the gRPC service."""

import ast
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from grpc_tools import protoc

from generate.gomodule import module_dir


@dataclass(frozen=True, slots=True)
class Protocol:
    """`source` below the module becomes `package`/api_pb2*.py below the checkout."""

    module: str
    version: str
    source: str
    package: str

    @property
    def files(self) -> tuple[str, ...]:
        names = ("api_pb2.py", "api_pb2.pyi", "api_pb2_grpc.py", "api_pb2_grpc.pyi")
        return tuple(f"{self.package}/{name}" for name in names)


def generate(protocol: Protocol, root: Path) -> None:
    """Write the protocol's files below `root`."""
    source = module_dir(protocol.module, protocol.version) / protocol.source
    with tempfile.TemporaryDirectory() as scratch:
        # protoc derives the Python package from the path below its include directory.
        proto = Path(scratch, protocol.package, "api.proto")
        proto.parent.mkdir(parents=True)
        shutil.copyfile(source, proto)
        code = protoc.main([
            "protoc", f"-I{scratch}", f"--python_out={root}", f"--mypy_out=quiet,readable_stubs:{root}",
            f"--grpc_python_out={root}", f"--mypy_grpc_out=quiet,readable_stubs:{root}",
            f"{protocol.package}/api.proto",
        ])
    if code != 0:
        raise SystemExit(f"generate: protoc failed on {source}")
    for name in protocol.files[1:]:
        strip_comments(root / name)


def strip_comments(path: Path) -> None:
    """Drop docstrings and comments from a stub: they restate upstream's sentences, which stay upstream's."""
    path.write_text(ast.unparse(_WithoutDocstrings().visit(ast.parse(path.read_text()))) + "\n")


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    kept = [
        statement for statement in body
        if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
                and isinstance(statement.value.value, str))
    ]
    return kept or [ast.Expr(ast.Constant(...))]


class _WithoutDocstrings(ast.NodeTransformer):
    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        body = getattr(node, "body", None)
        if isinstance(body, list):
            setattr(node, "body", _without_docstring(body))  # noqa: B010 - not every node class has a body
        return node
