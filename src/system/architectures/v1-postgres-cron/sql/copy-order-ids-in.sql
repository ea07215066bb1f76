COPY order_ids (id) FROM STDIN WITH (FORMAT binary)
