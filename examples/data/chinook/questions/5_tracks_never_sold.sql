-- Tracks never sold
SELECT t.track_id, t.name, al.title AS album
FROM track t
LEFT JOIN invoice_line il ON il.track_id = t.track_id
LEFT JOIN album al ON al.album_id = t.album_id
WHERE il.invoice_line_id IS NULL
ORDER BY t.track_id;
