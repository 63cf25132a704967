-- The customers of each support agent, with their totals
SELECT e.first_name || ' ' || e.last_name AS agent, c.first_name || ' ' || c.last_name AS customer,
       count(i.invoice_id) AS invoices, coalesce(sum(i.total), 0) AS total
FROM employee e
JOIN customer c ON c.support_rep_id = e.employee_id
LEFT JOIN invoice i ON i.customer_id = c.customer_id
GROUP BY e.employee_id, e.first_name, e.last_name, c.customer_id, c.first_name, c.last_name
ORDER BY agent, total DESC, customer;
