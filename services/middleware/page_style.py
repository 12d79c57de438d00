"""How the page of a service looks: readable from a telephone to a wide screen, light or dark."""

from __future__ import annotations

__all__ = ["STYLE"]

STYLE = """
:root { color-scheme: light dark; --line: #d8dce2; --soft: #f5f6f8; --ink: #1c2126; --dim: #59626d;
  --link: #0b57a4; --page: #ffffff }
@media (prefers-color-scheme: dark) { :root { --line: #363c44; --soft: #1f242a; --ink: #e6e9ed;
  --dim: #a3acb7; --link: #7db7f5; --page: #15191d } }
* { box-sizing: border-box }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif }
main { max-width: 60rem; margin: 0 auto; padding: 2rem 1.25rem 4rem }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .5rem }
h2 { font-size: 1.2rem; margin: 2.25rem 0 .75rem }
p { margin: .5rem 0 }
.lead { font-size: 1.1rem; color: var(--dim) }
a { color: var(--link) }
code, pre { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace;
  font-size: .875em }
pre { background: var(--soft); padding: .75rem; overflow-x: auto; border-radius: 4px }
details { border: 1px solid var(--line); border-radius: 6px; margin: .5rem 0;
  padding: .6rem .8rem }
summary { cursor: pointer; display: grid; grid-template-columns: minmax(15rem, auto) 1fr;
  gap: .25rem 1rem; align-items: baseline }
summary b { display: inline-block; min-width: 3rem; font-size: .8rem; color: var(--dim) }
summary code { font-weight: 600; font-size: .95em }
details p { font-size: .95rem }
table { border-collapse: collapse; width: 100%; font-size: .95rem }
th { text-align: left; font-weight: 600; color: var(--dim); font-size: .85rem }
th, td { border-bottom: 1px solid var(--line); padding: .4rem 1rem .4rem 0; vertical-align: top }
td code { overflow-wrap: anywhere }
table.open td:first-child, table.docs td:first-child { width: 16rem }
@media (max-width: 600px) {
  main { padding: 1.25rem .9rem 3rem }
  summary { grid-template-columns: 1fr }
  tr { display: block; border-bottom: 1px solid var(--line); padding: .45rem 0 }
  th { display: none }
  td { display: inline; border: 0; padding: 0 .4rem 0 0 }
  td:last-child { display: block; color: var(--dim) }
}
"""
"""Style sheet of the page."""
