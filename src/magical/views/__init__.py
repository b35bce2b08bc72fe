"""How a workflow is shown: one picture of its steps and data, drawn as text, Mermaid, SVG and a page."""
