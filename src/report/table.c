/* Tables: a mean with its intervals in each cell, the best of a row marked, the paper's number below with a verdict. */
#include <math.h>

#include "report/page.h"

typedef struct verdict_text {
    const char *word, *meaning;
} verdict_text;

static const verdict_text verdicts[] = {
    [RESULTS_NO_VERDICT] = {"", ""},
    [RESULTS_AGREES] = {"agrees", "the paper\xe2\x80\x99s number lies in our interval, or as near as the note says"},
    [RESULTS_BETTER] = {"better", "ours is lower"},
    [RESULTS_WORSE] = {"worse", "ours is higher, or not finite"},
};

static void write_interval(markup_writer *writer, double half, int decimals) {
    markup_write(writer, " <span class=\"half\">\xc2\xb1\xc2\xa0%s</span>", report_number_of(half, decimals).text);
}

static void write_mean(markup_writer *writer, const results_cell *cell) {
    int decimals = report_decimals(cell->mean);
    if (isnan(cell->mean)) {
        markup_write(writer, "<span class=\"value lost\">not finite</span>");
        return;
    }
    bool whole = cell->mean == floor(cell->mean) && isnan(cell->half); /* a count */
    markup_write(writer, "<span class=\"value\">%s", report_number_of(cell->mean, whole ? 0 : decimals).text);
    if (!isnan(cell->half)) write_interval(writer, cell->half, decimals);
    markup_write(writer, "</span>");
    if (isnan(cell->seeds_half)) return;
    markup_write(writer, "<span class=\"small\">");
    write_interval(writer, cell->seeds_half, decimals);
    markup_write(writer, " over seeds</span>");
}

static void write_cell(markup_writer *writer, const results_cell *cell) {
    bool shown = cell->present && (cell->text != NULL || cell->has_mean || !isnan(cell->paper));
    if (!shown) {
        markup_write(writer,
                     "<td><span class=\"none\" role=\"img\" aria-label=\"no value\">\xe2\x80\x93</span></td>\n");
        return;
    }
    markup_write(writer, cell->best ? "<td class=\"best\">" : "<td>");
    if (cell->text != NULL)
        markup_write(writer, "<span class=\"value\">%t</span>", cell->text);
    else if (cell->has_mean)
        write_mean(writer, cell);
    if (cell->best) markup_write(writer, "<span class=\"hidden\"> marked as best</span>");
    if (!isnan(cell->paper) || cell->verdict != RESULTS_NO_VERDICT) {
        markup_write(writer, "<span class=\"small\">");
        if (!isnan(cell->paper))
            markup_write(writer, "paper %s", report_number_of(cell->paper, report_decimals(cell->paper)).text);
        if (cell->verdict != RESULTS_NO_VERDICT)
            markup_write(writer, " <span class=\"verdict %s\">%s</span>", verdicts[cell->verdict].word,
                         verdicts[cell->verdict].word);
        markup_write(writer, "</span>");
    }
    markup_write(writer, "</td>\n");
}

/* What the signs in the cells mean, as far as there are any. */
static void write_key(markup_writer *writer, const results_table *table) {
    bool best = false, judged[sizeof verdicts / sizeof *verdicts] = {false};
    for (size_t r = 0; r < table->row_count; r++)
        for (size_t c = 0; c < table->column_count; c++) {
            best |= table->rows[r].cells[c].best;
            judged[table->rows[r].cells[c].verdict] = true;
        }
    if (best && table->note[0] == '\0') /* else the note says best of what */
        markup_write(writer, "<p class=\"note\"><b class=\"best\">Bold</b>: the best in its row.</p>\n");
    const char *before = "<p class=\"note\">";
    for (int v = RESULTS_AGREES; v <= RESULTS_WORSE; v++) {
        if (!judged[v]) continue;
        markup_write(writer, "%s<span class=\"verdict %s\">%s</span>: %s", before, verdicts[v].word, verdicts[v].word,
                     verdicts[v].meaning);
        before = "; ";
    }
    if (before[0] == ';') markup_write(writer, ".</p>\n");
}

void report_table_write(markup_writer *writer, const results_table *table, size_t index) {
    int number = (int)index + 1;
    markup_write(
        writer,
        "<div class=\"table\">\n<div class=\"scroll\" role=\"region\" aria-labelledby=\"table-%d\" tabindex=\"0\">\n"
        "<table>\n<caption><span id=\"table-%d\">%t</span></caption>\n<thead><tr><th scope=\"col\">%t</th>",
        number, number, table->title, table->row_header);
    for (size_t c = 0; c < table->column_count; c++)
        markup_write(writer, "<th scope=\"col\">%t</th>", table->columns[c]);
    markup_write(writer, "</tr></thead>\n<tbody>\n");
    for (size_t r = 0; r < table->row_count; r++) {
        markup_write(writer, "<tr><th scope=\"row\">%t</th>\n", table->rows[r].label);
        for (size_t c = 0; c < table->column_count; c++) write_cell(writer, &table->rows[r].cells[c]);
        markup_write(writer, "</tr>\n");
    }
    markup_write(writer, "</tbody>\n</table>\n</div>\n");
    if (table->note[0] != '\0') markup_write(writer, "<p class=\"note\">%t</p>\n", table->note);
    write_key(writer, table);
    markup_write(writer, "</div>\n");
}
