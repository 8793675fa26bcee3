"""What the mesh costs, side by side in one run: `make bench`."""
