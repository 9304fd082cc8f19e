/* The public face of optimizers: made from settings or files, saved, described. */
#include "l2o/optimizer.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "dist/context.h"
#include "optimizers/weights_file.h"

/* Where the name in a spec ends and its options begin: the path of a file of weights may hold colons itself. */
static char *name_end(char *spec) {
    static const char extension[] = ".safetensors";
    for (char *at = strstr(spec, extension); at != NULL; at = strstr(at + 1, extension)) {
        char *end = at + sizeof extension - 1;
        if (*end == ':' || *end == '\0') return end;
    }
    return spec + strcspn(spec, ":");
}

static l2o_status apply_option(l2o_settings *settings, char *option, const char *spec, l2o_error *error) {
    char *equals = strchr(option, '=');
    if (equals == NULL || equals == option)
        return error_set(error, L2O_ERROR_INPUT, "%s: '%s' is no option; write NAME:setting=value", spec, option);
    *equals = '\0';
    return settings_set(settings, option, equals + 1, spec, error);
}

/* Sets the options "setting=value:..." that follow the name. */
static l2o_status apply_options(l2o_settings *settings, char *options, const char *spec, l2o_error *error) {
    while (options != NULL) {
        char *option = options;
        options = strchr(option, ':');
        if (options != NULL) *options++ = '\0';
        TRY(apply_option(settings, option, spec, error));
    }
    return L2O_OK;
}

l2o_status optimizer_spec_name(const char *spec, char **name, l2o_error *error) {
    *name = memory_string(spec, error);
    if (*name == NULL) return error->status;
    *name_end(*name) = '\0';
    return L2O_OK;
}

l2o_status optimizer_read_spec(const l2o_settings *settings, const char *spec, l2o_settings **own, char **name,
                               l2o_error *error) {
    *own = NULL;
    *name = memory_string(spec, error);
    if (*name == NULL) return error->status;
    char *rest = name_end(*name);
    if (*rest == '\0')
        rest = NULL;
    else
        *rest++ = '\0';
    l2o_status status = settings_copy(settings, own, error);
    if (status == L2O_OK) status = apply_options(*own, rest, spec, error);
    if (status == L2O_OK) return L2O_OK;
    settings_free(*own);
    memory_free(*name);
    *own = NULL;
    *name = NULL;
    return status;
}

l2o_status optimizer_from_spec(const l2o_settings *settings, const char *spec, uint32_t draw, optimizer **out,
                               l2o_error *error) {
    l2o_settings *own;
    char *name;
    *out = NULL;
    TRY(optimizer_read_spec(settings, spec, &own, &name, error));
    l2o_status status;
    if (weights_file_recognised(name)) {
        status = weights_file_read(name, own, out, error);
    } else {
        status = optimizer_create(own, name, out, error);
        if (status == L2O_OK && (*out)->weights != NULL)
            optimizer_initialise(*out, (uint64_t)settings_integer(settings, "seed"), draw, (*out)->weights);
    }
    /* What the copy read counts as read; what was given for this optimizer alone must have been. */
    if (status == L2O_OK) settings_share_use(own, settings);
    if (status == L2O_OK) status = settings_check_origin(own, spec, error);
    if (status != L2O_OK) {
        optimizer_free(*out);
        *out = NULL;
    }
    settings_free(own);
    memory_free(name);
    return status;
}

l2o_status l2o_optimizer_create(l2o_context *context, const l2o_settings *settings, l2o_optimizer **out) {
    l2o_error *error = &context->error;
    error_clear(error);
    *out = NULL;
    return optimizer_from_spec(settings, settings_text(settings, "optimizer"), 0, out, error);
}

void l2o_optimizer_free(l2o_optimizer *optimizer) { optimizer_free(optimizer); }

const char *l2o_optimizer_name(const l2o_optimizer *optimizer) { return optimizer->ops->name; }

int64_t l2o_optimizer_weights(l2o_optimizer *optimizer, double **weights) {
    *weights = optimizer->weights;
    return optimizer->weight_total;
}

l2o_status l2o_optimizer_save(l2o_context *context, const l2o_optimizer *optimizer, const char *path) {
    error_clear(&context->error);
    if (!weights_file_recognised(path))
        return error_set(&context->error, L2O_ERROR_INPUT,
                         "%s: weights are written as FILE.safetensors; name the output like that", path);
    return weights_file_write(optimizer, DTYPE_FLOAT64, path, &context->error);
}

l2o_status l2o_weights_describe(l2o_context *context, const char *path, char **json) {
    error_clear(&context->error);
    json_t *object;
    *json = NULL;
    TRY(weights_file_describe(path, &object, &context->error));
    *json = json_dumps(object, JSON_INDENT(2));
    json_decref(object);
    if (*json == NULL) return error_set(&context->error, L2O_ERROR_MEMORY, "%s: out of memory", path);
    return L2O_OK;
}

void l2o_string_free(char *string) { free(string); }
