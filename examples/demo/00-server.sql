-- A database with the extension, and a role without special rights that works in it.
CREATE ROLE demo LOGIN;
CREATE DATABASE demo OWNER demo;
\connect demo
CREATE EXTENSION taskcenter;
