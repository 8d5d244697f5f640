"""Reading model.yaml: the one place where declarations enter as files."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from driftwatch.errors import SpecError
from driftwatch.monitors.spec import ModelSpec, Reference, parse_model_spec

__all__ = ["load_model_spec", "read_documents"]


def read_documents(path: str | Path) -> list[dict[str, Any]]:
    """Every YAML document of a file, each a map.

    Raises:
        SpecError: no such file, not UTF-8, not YAML, or a document that is no map.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SpecError(f"cannot read the specification: {error.strerror or error}", path=str(path)) from None
    except UnicodeDecodeError as error:
        raise SpecError(f"not UTF-8 text (byte {error.start}); is this the right file?", path=str(path)) from None
    try:
        documents = [each for each in yaml.safe_load_all(text) if each is not None]
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
        raise SpecError(f"not YAML{where}: {getattr(error, 'problem', None) or error}", path=str(path)) from None
    for document in documents:
        if not isinstance(document, dict):
            raise SpecError(f"a document is a map of keys to values, not {str(document)[:60]!r}", path=str(path))
    return documents


def load_model_spec(path: str | Path) -> ModelSpec:
    """The one ``kind: model`` document of a file (other kinds beside it are left alone).

    A training file is looked for beside the specification.

    Raises:
        SpecError: the file cannot be read, or holds none or several models, or a wrong key or value.
    """
    documents = read_documents(path)
    models = [each for each in documents if each.get("kind", "model") == "model"]
    if not models and len(documents) == 1:
        parse_model_spec(documents[0])  # says which kind was expected
    if len(models) != 1:
        raise SpecError(f"expected one document of kind model, found {len(models)}", path=str(path))
    spec = parse_model_spec(models[0])
    if spec.reference is None or spec.reference.file is None:
        return spec
    return replace(spec, reference=Reference(file=str(Path(path).parent / spec.reference.file)))
