INSERT INTO bench.rows (client, note) VALUES (:client_id, 'one row a transaction');
