-- How the chapters print: never wider than 100 columns.
\pset format wrapped
\pset columns 100
\pset footer off
\pset pager off
\pset null '-'
SET timezone = 'UTC';
SET client_min_messages = warning;
