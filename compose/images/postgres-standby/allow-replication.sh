# Run by the public PostgreSQL image when it has made its cluster.
echo 'host replication all all scram-sha-256' >> "$PGDATA/pg_hba.conf"
