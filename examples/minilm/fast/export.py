"""Convert the model to int8, and measure what that costs in quality."""

from to_ctranslate2 import export_encoder

export_encoder(__doc__, "int8_float32")
