"""Did this very model write the text, under these settings? Log-perplexity against entropy and what goes beyond it, AUD2xx."""
