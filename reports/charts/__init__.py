"""Charts as SVG: the canvas that they are drawn on, and the figures that several views share."""
