"""Training with torch: simulated annotations, losses, policies, fits, and their verification."""
