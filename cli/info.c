/* l2o info: what a file of weights says about itself. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "l2o/optimizer.h"
#include "output.h"

enum { INDENT = 2, LABEL_WIDTH = 26 };

/* Text from a file must not steer the terminal. */
static void print_text(const char *text) {
    for (; *text != '\0'; text++) putchar((unsigned char)*text < 32 || *text == 127 ? '?' : *text);
}

static void print_value(const json_t *value, int depth);

static void print_entry(const char *key, const json_t *value, int depth) {
    printf("%*s", depth * INDENT, "");
    print_text(key);
    int used = depth * INDENT + (int)strlen(key);
    if (json_is_object(value)) {
        putchar('\n');
        print_value(value, depth + 1);
        return;
    }
    printf("%*s", used < LABEL_WIDTH ? LABEL_WIDTH - used : 1, "");
    print_value(value, depth);
    putchar('\n');
}

static void print_value(const json_t *value, int depth) {
    const char *key;
    const json_t *item;
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        for (void *at = json_object_iter((json_t *)value); at != NULL;
             at = json_object_iter_next((json_t *)value, at)) {
            key = json_object_iter_key(at);
            item = json_object_iter_value(at);
            print_entry(key, item, depth);
        }
        return;
    case JSON_ARRAY:
        for (size_t i = 0; i < json_array_size(value); i++) {
            if (i > 0) fputs(", ", stdout);
            print_value(json_array_get(value, i), depth);
        }
        return;
    case JSON_STRING: print_text(json_string_value(value)); return;
    case JSON_INTEGER: printf("%lld", (long long)json_integer_value(value)); return;
    case JSON_REAL: printf("%.6g", json_real_value(value)); return;
    case JSON_TRUE: fputs("yes", stdout); return;
    case JSON_FALSE: fputs("no", stdout); return;
    case JSON_NULL: fputs("-", stdout); return;
    }
}

static bool names(const json_t *list, const char *name) {
    for (size_t i = 0; i < json_array_size(list); i++)
        if (json_is_string(json_array_get(list, i)) && strcmp(json_string_value(json_array_get(list, i)), name) == 0)
            return true;
    return false;
}

/* "lstm0.weight [80, 2] F32" */
static void print_tensors(const json_t *tensors, const json_t *without_gradient) {
    puts("tensors");
    for (size_t i = 0; i < json_array_size(tensors); i++) {
        const json_t *tensor = json_array_get(tensors, i), *name = json_object_get(tensor, "name");
        const json_t *type = json_object_get(tensor, "type"), *shape = json_object_get(tensor, "shape");
        if (!json_is_string(name) || !json_is_string(type) || !json_is_array(shape)) continue;
        int used = INDENT + (int)json_string_length(name);
        printf("%*s", INDENT, "");
        print_text(json_string_value(name));
        printf("%*s[", used < LABEL_WIDTH ? LABEL_WIDTH - used : 1, "");
        print_value(shape, 0);
        fputs("] ", stdout);
        print_text(json_string_value(type));
        if (names(without_gradient, json_string_value(name))) fputs(", no gradient tells of it: for search", stdout);
        putchar('\n');
    }
}

static int print_summary(const char *path, const json_t *document) {
    printf("%s\n", path);
    for (void *at = json_object_iter((json_t *)document); at != NULL;
         at = json_object_iter_next((json_t *)document, at))
        if (strcmp(json_object_iter_key(at), "tensors") != 0)
            print_entry(json_object_iter_key(at), json_object_iter_value(at), 0);
    const json_t *tensors = json_object_get(document, "tensors");
    if (json_is_array(tensors)) print_tensors(tensors, json_object_get(document, "without_gradient"));
    return command_flush();
}

static int run(command *command) {
    if (command->argument_count == 0)
        return command_complain("`l2o info` needs a file of weights: l2o info FILE.safetensors");
    const char *path = command->arguments[0];
    char *text = NULL;
    l2o_status status = l2o_weights_describe(command->context, path, &text);
    if (status != L2O_OK) return command_failed(command, status);
    json_t *document = json_loads(text, 0, NULL);
    l2o_string_free(text);
    if (command->json || document == NULL) return output_json(document);
    int code = print_summary(path, document);
    json_decref(document);
    return code;
}

const verb verb_info = {
    .name = "info",
    .usage = "FILE.safetensors [--json]",
    .summary = "what a file of weights says about itself",
    .description = "Prints the architecture of trained weights, the settings they were trained with, the seed, the "
                   "program's version, the range of problems they know, and their tensors.",
    .examples = "l2o info ml2o.safetensors\n"
                "l2o info ml2o.safetensors --json",
    .options = OPTIONS_ALWAYS | OPTION_BIT(OPTION_JSON),
    .arguments = 1,
    .run = run,
};
