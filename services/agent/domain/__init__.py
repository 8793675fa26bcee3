"""What a run is: its states, its events, its journal and how that folds. Standard library only."""
