"""What every room needs: errors, files, folders, progress, seeds, text made safe for a terminal, and the version."""
