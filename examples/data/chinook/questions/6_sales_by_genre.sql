-- Sales and tracks sold by genre
SELECT g.name AS genre, count(DISTINCT il.track_id) AS tracks_sold, sum(il.quantity) AS units, sum(il.unit_price * il.quantity) AS sales
FROM genre g
JOIN track t ON t.genre_id = g.genre_id
JOIN invoice_line il ON il.track_id = t.track_id
GROUP BY g.genre_id, g.name
ORDER BY sales DESC, genre;
