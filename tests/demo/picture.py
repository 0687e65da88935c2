"""Draws what a terminal showed as SVG: python3 tests/demo/picture.py < demo.log > docs/demo.svg"""
import html
import sys

WIDTH, LINE, SIZE = 118, 17, 13
lines = [line.rstrip("\n").expandtabs()[:WIDTH] for line in sys.stdin]
height = LINE * (len(lines) + 2)


def colour(line):
    if line.startswith("$"):
        return "#7dd3fc"
    if line.lstrip().startswith("held:"):
        return "#86efac"
    if "ERROR" in line or "denied" in line or "BROKEN" in line:
        return "#fca5a5"
    return "#e5e7eb"


print(f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH * 8}" height="{height}" role="img">')
print("<title>The demo of hoopctl in a terminal</title>")
print('<rect width="100%" height="100%" rx="8" fill="#111827"/>')
print(f'<g font-family="ui-monospace, Menlo, Consolas, monospace" font-size="{SIZE}" xml:space="preserve">')
for number, line in enumerate(lines, 1):
    print(f'<text x="14" y="{LINE * (number + 0.5)}" fill="{colour(line)}">{html.escape(line)}</text>')
print("</g></svg>")
