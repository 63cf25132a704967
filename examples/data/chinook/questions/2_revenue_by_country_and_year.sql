-- Revenue per country and year
SELECT billing_country AS country, EXTRACT(YEAR FROM invoice_date) AS year, sum(total) AS revenue, count(*) AS invoices
FROM invoice
GROUP BY billing_country, EXTRACT(YEAR FROM invoice_date)
ORDER BY country, year;
