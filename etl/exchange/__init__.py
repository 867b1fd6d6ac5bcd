"""The edge to the exchange: signed requests out, checked pages in."""
