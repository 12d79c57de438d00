"""Keep events in an SQLite file that several processes share."""
