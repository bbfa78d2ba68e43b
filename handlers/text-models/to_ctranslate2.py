"""Convert a model that transformers saved to CTranslate2's format (for export.py)."""

import argparse
import json
import shutil
from pathlib import Path

from ctranslate2.converters import TransformersConverter

__all__ = ["convert", "export_encoder", "export_generator"]


def export_generator(description, quantization):
    """The export.py of a language model: convert it, and measure its quality."""
    from generation import TextGenerator
    from greedy import measure, read_checks

    reference, out = folders(description)
    engine = TextGenerator(convert(reference, out, quantization), threads=1, new_tokens=1)
    write_quality(out, measure(read_checks(reference), engine.logits))


def export_encoder(description, quantization):
    """The export.py of an encoder: convert it, and measure its quality."""
    from embedding import TextEncoder
    from neighbours import measure, read_checks

    reference, out = folders(description)
    engine = TextEncoder(convert(reference, out, quantization), threads=1)
    write_quality(out, measure(read_checks(reference), engine.embed))


def folders(description):
    """The reference's artifacts and the folder to write to, from the command line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--data", type=Path, help="not needed: the model is there already")
    parser.add_argument("--reference", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    return arguments.reference, arguments.out


def convert(reference, out, quantization):
    """Write ``model`` with its tokenizer.json, and the texts beside it; returns the folder."""
    model = out / "model"
    converter = TransformersConverter(
        str(reference / "model"), copy_files=["tokenizer.json"], low_cpu_mem_usage=True
    )
    converter.convert(str(model), quantization=quantization)
    for name in ("weights.txt", "prompt.json"):
        if (reference / name).is_file():
            shutil.copyfile(reference / name, out / name)
    return model


def write_quality(out, quality):
    """quality.json, which results show beside the cost."""
    (out / "quality.json").write_text(json.dumps(quality), encoding="utf-8")
