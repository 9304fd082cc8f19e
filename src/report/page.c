/* The page around tables and figures: head, what was claimed, what ran, and the scripts. */
#include "report/page.h"

#include <math.h>
#include <string.h>

#include "report/assets.h"

static void write_asset(markup_writer *writer, const asset *asset) {
    if (writer->status == L2O_OK) writer->status = buffer_append(writer->out, asset->bytes, asset->size, writer->error);
}

static void write_head(markup_writer *writer, const results *results) {
    markup_write(writer,
                 "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                 "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; "
                 "style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n"
                 "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                 "<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"generator\" content=\"l2o %t\">\n"
                 "<link rel=\"icon\" href=\"data:,\">\n<title>%t</title>\n<style>\n",
                 L2O_VERSION, results->title);
    write_asset(writer, &asset_dygraph_css);
    write_asset(writer, &asset_report_css);
    markup_write(writer, "</style>\n</head>\n<body>\n");
}

static void write_fact(markup_writer *writer, const char *name, const char *text) {
    if (text != NULL && text[0] != '\0') markup_write(writer, "<div><dt>%t</dt><dd>%t</dd></div>\n", name, text);
}

/* "8 min 32 s" */
static void write_duration(markup_writer *writer, double seconds) {
    static const double most = 1e8;
    if (!(seconds >= 0) || seconds > most) return;
    markup_write(writer, "<div><dt>took</dt><dd>");
    int whole = (int)seconds;
    if (whole >= 3600) markup_write(writer, "%d h ", whole / 3600);
    if (whole >= 60)
        markup_write(writer, "%d min %d s", whole / 60 % 60, whole % 60);
    else
        markup_write(writer, "%n s", seconds);
    markup_write(writer, "</dd></div>\n");
}

/* What ran, at a glance; the whole of it stands at the end of the page. */
static void write_facts(markup_writer *writer, const json_t *ran) {
    if (ran == NULL) return;
    const char *program = json_string_value(json_object_get(ran, "program"));
    const char *version = json_string_value(json_object_get(ran, "version"));
    const json_t *seconds = json_object_get(ran, "seconds"), *machine = json_object_get(ran, "machine");
    markup_write(writer, "<dl class=\"facts\">\n");
    write_fact(writer, "date", json_string_value(json_object_get(ran, "date")));
    if (json_is_number(seconds)) write_duration(writer, json_number_value(seconds));
    if (program != NULL && version != NULL)
        markup_write(writer, "<div><dt>program</dt><dd>%t %t</dd></div>\n", program, version);
    write_fact(writer, "processor", json_string_value(json_object_get(machine, "processor")));
    write_fact(writer, "command", json_string_value(json_object_get(ran, "command")));
    markup_write(writer, "</dl>\n");
}

static void write_contents(markup_writer *writer, const results *results) {
    markup_write(writer, "<nav aria-label=\"Contents\"><ul>\n");
    if (results->claim_count > 0) markup_write(writer, "<li><a href=\"#claims\">Claims</a></li>\n");
    if (results->table_count > 0) markup_write(writer, "<li><a href=\"#tables\">Tables</a></li>\n");
    if (results->figure_count > 0) markup_write(writer, "<li><a href=\"#figures\">Figures</a></li>\n");
    if (results->note_count > 0) markup_write(writer, "<li><a href=\"#notes\">Notes</a></li>\n");
    if (results->ran != NULL) markup_write(writer, "<li><a href=\"#ran\">What ran</a></li>\n");
    markup_write(writer, "</ul></nav>\n");
}

static void write_claim_number(markup_writer *writer, double value) {
    markup_write(writer, "<td>%s</td>",
                 isnan(value) ? "\xe2\x80\x93"
                              : report_number_of(value, value == floor(value) ? 0 : report_decimals(value)).text);
}

static void write_claims(markup_writer *writer, const results *results) {
    if (results->claim_count == 0) return;
    size_t held = 0;
    for (size_t i = 0; i < results->claim_count; i++) held += results->claims[i].holds;
    markup_write(writer,
                 "<section id=\"claims\" aria-labelledby=\"claims-heading\">\n<h2 id=\"claims-heading\">Claims</h2>\n"
                 "<div class=\"scroll\" role=\"region\" aria-labelledby=\"claims-caption\" tabindex=\"0\">\n"
                 "<table class=\"claims\">\n<caption><span id=\"claims-caption\">%d of %d hold</span></caption>\n"
                 "<thead><tr><th scope=\"col\">claim</th><th scope=\"col\">verdict</th>"
                 "<th scope=\"col\">measured</th><th scope=\"col\">bound</th></tr></thead>\n<tbody>\n",
                 (int)held, (int)results->claim_count);
    for (size_t i = 0; i < results->claim_count; i++) {
        const results_claim *claim = &results->claims[i];
        markup_write(writer,
                     "<tr><th scope=\"row\">%t</th><td class=\"judged\"><span class=\"verdict %s\">%s</span></td>",
                     claim->text, claim->holds ? "better" : "worse", claim->holds ? "holds" : "does not hold");
        write_claim_number(writer, claim->measured);
        write_claim_number(writer, claim->bound);
        markup_write(writer, "</tr>\n");
    }
    markup_write(writer, "</tbody>\n</table>\n</div>\n</section>\n");
}

static void write_tables(markup_writer *writer, const results *results) {
    if (results->table_count == 0) return;
    markup_write(writer,
                 "<section id=\"tables\" aria-labelledby=\"tables-heading\">\n<h2 id=\"tables-heading\">Tables</h2>\n");
    for (size_t i = 0; i < results->table_count; i++) report_table_write(writer, &results->tables[i], i);
    markup_write(writer, "</section>\n");
}

static void write_figures(markup_writer *writer, const results *results, arena *arena) {
    if (results->figure_count == 0) return;
    report_styles styles;
    if (writer->status == L2O_OK) writer->status = report_styles_make(results, arena, &styles, writer->error);
    if (writer->status != L2O_OK) return;
    markup_write(
        writer,
        "<section id=\"figures\" aria-labelledby=\"figures-heading\">\n"
        "<h2 id=\"figures-heading\">Figures</h2>\n"
        "<p class=\"note live\" id=\"figures-help\">Point at a figure to read its values. Drag over it to zoom, "
        "with <kbd>Shift</kbd> to move it, double-click to see all again. From the keyboard, once a figure has "
        "the focus: the arrow keys move it, <kbd>+</kbd> and <kbd>\xe2\x88\x92</kbd> zoom, <kbd>0</kbd> shows "
        "all, <kbd>,</kbd> and <kbd>.</kbd> step through the values.</p>\n");
    for (size_t i = 0; i < results->figure_count; i++)
        report_figure_write(writer, &results->figures[i], &styles, i, arena);
    markup_write(writer, "</section>\n");
}

static void write_notes(markup_writer *writer, const results *results) {
    if (results->note_count == 0) return;
    markup_write(writer,
                 "<section id=\"notes\" aria-labelledby=\"notes-heading\">\n<h2 id=\"notes-heading\">Notes</h2>\n");
    for (size_t i = 0; i < results->note_count; i++) markup_write(writer, "<p>%t</p>\n", results->notes[i]);
    markup_write(writer, "</section>\n");
}

static void write_ran(markup_writer *writer, const results *results) {
    if (results->ran == NULL) return;
    markup_write(writer,
                 "<section id=\"ran\" aria-labelledby=\"ran-heading\">\n<h2 id=\"ran-heading\">What ran</h2>\n");
    report_definitions_write(writer, results->ran);
    markup_write(writer, "</section>\n");
}

void report_body_write(markup_writer *writer, const results *results, arena *arena) {
    markup_write(writer, "<a class=\"skip\" href=\"#content\">Skip to the content</a>\n<header>\n<h1>%t</h1>\n",
                 results->title);
    if (results->summary[0] != '\0') markup_write(writer, "<p class=\"summary\">%t</p>\n", results->summary);
    write_facts(writer, results->ran);
    write_contents(writer, results);
    markup_write(writer, "</header>\n<main id=\"content\">\n");
    write_claims(writer, results);
    write_tables(writer, results);
    write_figures(writer, results, arena);
    write_notes(writer, results);
    write_ran(writer, results);
    markup_write(writer, "</main>\n");
}

static void write_end(markup_writer *writer) {
    markup_write(writer,
                 "<footer>\n<p>Made by l2o %t. This page loads nothing.</p>\n<details><summary>Curves are drawn "
                 "with dygraphs, under the MIT licence</summary>\n<pre>",
                 L2O_VERSION);
    const char *line = (const char *)asset_dygraph_licence.bytes, *end = line + asset_dygraph_licence.size;
    for (const char *next; line < end; line = next + 1) {
        next = memchr(line, '\n', (size_t)(end - line));
        if (next == NULL) next = end;
        markup_write_escaped(writer, line, (size_t)(next - line));
        markup_write(writer, "\n");
    }
    markup_write(writer, "</pre></details>\n</footer>\n<script>\n");
    write_asset(writer, &asset_dygraph_js);
    markup_write(writer, "</script>\n<script>\n");
    write_asset(writer, &asset_report_js);
    markup_write(writer, "</script>\n</body>\n</html>\n");
}

l2o_status report_page_write(const results *results, buffer *out, l2o_error *error) {
    markup_writer writer = {.out = out, .error = error, .status = L2O_OK};
    arena arena = {0};
    write_head(&writer, results);
    report_body_write(&writer, results, &arena);
    write_end(&writer);
    arena_free(&arena);
    return writer.status;
}
