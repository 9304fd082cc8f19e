/* Tables of numbers as text: csv, tsv, and columns between blanks. */
#ifndef L2O_IO_CSV_H
#define L2O_IO_CSV_H

#include "io/data_file.h"

/* Gives a dense [rows, columns]. The separator is what the first line has: semicolon, else comma, else tab, else
 * blanks. A first line of which no field begins like a number is a header, and skipped; '#' starts a comment; empty
 * lines are skipped. Every row must have as many numbers as the first. Quoted fields and decimal commas are refused
 * with a sentence. */
data_reader csv_parse;

#endif
