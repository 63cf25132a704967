-- Average invoice by month
SELECT date_trunc('month', invoice_date) AS month, count(*) AS invoices, round(avg(total), 2) AS average
FROM invoice
GROUP BY date_trunc('month', invoice_date)
ORDER BY month;
