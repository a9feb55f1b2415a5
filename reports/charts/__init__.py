"""Charts as SVG: the canvas on which they are drawn, and the figures that several views share."""
