"""Generates cri/v1: messages, typed stubs and the gRPC service of CRI v1, from k8s.io/cri-api's api.proto.

Usage: python -m generate.cri_stubs [OUTPUT_ROOT]
"""

import ast
import shutil
import sys
import tempfile
from pathlib import Path

from grpc_tools import protoc

from generate.gomodule import STAGING_VERSION, module_dir


def generate(root: Path) -> None:
    """Write api_pb2.py, api_pb2.pyi, api_pb2_grpc.py and api_pb2_grpc.pyi below root/cri/v1."""
    source = module_dir("k8s.io/cri-api", STAGING_VERSION) / "pkg/apis/runtime/v1/api.proto"
    with tempfile.TemporaryDirectory() as scratch:
        # protoc derives the Python package from the path below its include directory.
        proto = Path(scratch, "cri/v1/api.proto")
        proto.parent.mkdir(parents=True)
        shutil.copyfile(source, proto)
        code = protoc.main([
            "protoc", f"-I{scratch}", f"--python_out={root}", f"--mypy_out=quiet,readable_stubs:{root}",
            f"--grpc_python_out={root}", f"--mypy_grpc_out=quiet,readable_stubs:{root}", "cri/v1/api.proto",
        ])
    if code != 0:
        raise SystemExit(f"generate: protoc failed on {source}")
    strip_comments(root / "cri/v1/api_pb2.pyi")
    strip_comments(root / "cri/v1/api_pb2_grpc.py")
    strip_comments(root / "cri/v1/api_pb2_grpc.pyi")


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


if __name__ == "__main__":
    generate(Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve())
