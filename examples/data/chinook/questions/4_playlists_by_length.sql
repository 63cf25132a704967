-- Playlists by length
SELECT p.playlist_id, p.name, count(t.track_id) AS tracks, coalesce(sum(t.milliseconds), 0) / 60000 AS minutes
FROM playlist p
LEFT JOIN playlist_track pt ON pt.playlist_id = p.playlist_id
LEFT JOIN track t ON t.track_id = pt.track_id
GROUP BY p.playlist_id, p.name
ORDER BY minutes DESC, p.playlist_id;
