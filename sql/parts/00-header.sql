/*
 * taskcenter 1.0: the install script, composed from sql/parts in the order of
 * their numbers.  Plain CREATE only: an object that somebody else prepared
 * must make the installation fail, never be adopted.  What everybody may call
 * is granted to PUBLIC in so many words, all else revoked from it.
 */
\echo Use "CREATE EXTENSION taskcenter" to load this file. \quit

SET LOCAL search_path = pg_catalog, pg_temp;
