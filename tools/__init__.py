"""Scripts that make shipped files: the population, the classifier, the frequency table."""
