"""Convert the reference's model to int8, and measure what that costs in quality."""

from to_ctranslate2 import export_generator

export_generator(__doc__, "int8_float32")
