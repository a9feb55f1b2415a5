"""Views: each subject prepared for pages, terminals and lists, one module a subject. Judges nothing."""
