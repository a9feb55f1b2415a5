"""Views: each subject prepared for pages, terminals and lists, one module per subject. Judges nothing."""
