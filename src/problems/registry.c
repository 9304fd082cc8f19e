/* The families of problems: one line each. Adding one means its file, its line here, and its test. */
#include <stdio.h>
#include <string.h>

#include "problems/families.h"

static const problem_ops *const families[] = {
    &lasso_problem,    &quadratic_problem,  &l2reg_problem,     &logistic_problem,
    &recovery_problem, &rosenbrock_problem, &rastrigin_problem,
};

enum { FAMILY_COUNT = (int)(sizeof families / sizeof families[0]) };

const problem_ops *problem_at(int index) { return index >= 0 && index < FAMILY_COUNT ? families[index] : NULL; }

const problem_ops *problem_find(const char *name) {
    for (int i = 0; i < FAMILY_COUNT; i++)
        if (strcmp(families[i]->name, name) == 0) return families[i];
    return NULL;
}

void problem_names(char *text, size_t size) {
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < FAMILY_COUNT && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i == 0 ? "" : ", ", families[i]->name);
}
