"""Records what Python, NumPy and `decimal` give for the functions of expressions: `python_functions.tsv`.

Run with NumPy 2.4 on Python 3.11: `python tests/reference/python_functions.py > tests/reference/python_functions.tsv`.
Each line has an expression and its value as JSON. Logarithms and powers are NumPy's. `round` is that of `decimal` with
ROUND_HALF_UP over the exact value of the float. Texts are those of `str` and `re`.
"""

import json
import re
from decimal import ROUND_HALF_UP, Decimal

import numpy as np

POSITIVE = [1e-300, 1e-9, 3.5e-8, 0.1, 0.5, 1.0, 1.5, 2.0, 2.718281828459045, 7.3, 10.0, 1000.0, 123456.789, 1e17, 1e300]
ANY = [-700.0, -30.5, -1.0, -0.1, 0.0, 1e-9, 0.5, 1.0, 2.5, 10.0, 100.25, 700.0]
POWERS = [(2.0, 0.5), (10.0, -9.0), (1.1, 100.0), (0.3, 2.7), (7.0, -3.5), (1e-5, 1.5), (-2.0, 3.0), (-2.0, -2.0), (9.99, 9.99), (0.0, 0.0)]
ROUNDED = [(2.675, 2), (0.125, 2), (0.375, 2), (-0.125, 2), (1.005, 2), (1e-5, 3), (123.456789, 4), (-7.05, 1), (6.5229, 2),
           (1000000000000000.2, 1), (0.30000000000000004, 15), (2.5, 0), (-1234.5, 0), (0.5, 0), (0.49999999999999994, 0), (1e300, 2)]
IC50_NM = [1, 10, 30, 35, 100, 0.05, 2500, 123.4, 99999]


def line(cel, value):
    print(f"{cel}\t{json.dumps(value, ensure_ascii=False)}")


for name, function in [("log10", np.log10), ("ln", np.log), ("log2", np.log2), ("sqrt", np.sqrt)]:
    for x in POSITIVE:
        line(f"{name}({x!r})", float(function(x)))
for x in ANY:
    line(f"exp({x!r})", float(np.exp(x)))
for base, exponent in POWERS:
    line(f"pow({base!r}, {exponent!r})", float(np.power(base, exponent)))
for x, decimals in ROUNDED:
    line(f"round({x!r}, {decimals})", float(Decimal(x).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)) if x < 1e20 else x)
for x in IC50_NM:
    line(f"convert({x!r}, 'nM', 'M')", float(np.float64(x) / 1e9))
    line(f"-log10(convert({x!r}, 'nM', 'M'))", float(-np.log10(x / 1e9)))
for text in ["Straße ÄÖ µM", "İstanbul", "ΑΣ"]:
    line(f"lower('{text}')", text.lower())
    line(f"upper('{text}')", text.upper())
for text in [" a b ", "\\t x", ""]:
    line(f"trim('{text}')", text.replace("\\t", "\t").strip())
line("'a,b,,c'.split(',').join('|')", "|".join("a,b,,c".split(",")))
line("size(''.split(','))", len("".split(",")))
line("replace('1,234,567.8', ',', '')", "1,234,567.8".replace(",", ""))
line("replaceMatches('a1b22c', '[0-9]+', '#')", re.sub("[0-9]+", "#", "a1b22c"))
line("replaceMatches('K-12, B-7', '([A-Z])-([0-9]+)', '$2$1')", re.sub("([A-Z])-([0-9]+)", r"\2\1", "K-12, B-7"))
line("extract('IC50 = 12.5 nM', '= *([0-9.]+) *([a-zA-Z]+)', 2)", re.search("= *([0-9.]+) *([a-zA-Z]+)", "IC50 = 12.5 nM").group(2))
line("extract('CHEMBL25', '[0-9]+')", re.search("[0-9]+", "CHEMBL25").group(0))
