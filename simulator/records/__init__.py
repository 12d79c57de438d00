"""Record what happens: tables, event streams and their imperfections."""
