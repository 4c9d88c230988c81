"""What the measures share: a client, a private cluster, peers, the table."""
