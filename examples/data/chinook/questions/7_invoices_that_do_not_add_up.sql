-- Invoices whose lines do not sum to their total
SELECT i.invoice_id, i.total, sum(il.unit_price * il.quantity) AS lines
FROM invoice i
JOIN invoice_line il ON il.invoice_id = i.invoice_id
GROUP BY i.invoice_id, i.total
HAVING sum(il.unit_price * il.quantity) <> i.total
ORDER BY i.invoice_id;
