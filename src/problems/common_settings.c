/* The settings that all families share. Families read what they need of them; what nobody reads is reported as unused.
 */
#include "problems/problem.h"

#define LARGEST 1e9

const setting problem_common_settings[] = {
    {"problem", SETTING_TEXT, "", "lasso", 0, 0, NULL, "The family of problems to optimize: see `l2o list problems`."},
    {"n", SETTING_INTEGER, "variables", "10", 1, LARGEST, NULL,
     "Dimension of each instance. Rosenbrock's default is 2. With a data file A it is read from the file."},
    {"m", SETTING_INTEGER, "rows", "0", 0, LARGEST, NULL,
     "Rows of A; 0: as many as n. With a data file A it is read from the file."},
    {"batch", SETTING_INTEGER, "instances", "128", 1, LARGEST, NULL,
     "Instances that are optimized together. With data files and no batch given: all instances when solving, and 128 "
     "at "
     "most when training."},
    {"dtype", SETTING_CHOICE, "", "float32", 0, 0, "float32|float64",
     "Float type of the problem's data and variables."},
    {"A", SETTING_TEXT, "", "normal:1", 0, 0, NULL,
     "Distribution of A's entries, or a data file: [m, n] for one A shared by all instances (dense or sparse), [B, m, "
     "n] "
     "for one each; a libsvm file also brings b."},
    {"shared-A", SETTING_FLAG, "", "no", 0, 0, NULL,
     "One drawn A for all instances, all draws and all streams: a function of A-seed alone."},
    {"A-seed", SETTING_INTEGER, "", "0", 0, LARGEST, NULL, "Seed of the shared A."},
    {"A-perturbation", SETTING_REAL, "", "0", 0, 1e6, NULL,
     "A shared A that has shifted: standard deviation of normal noise that is added to its entries, in units of their "
     "root mean square; before unit-columns."},
    {"A-perturbation-seed", SETTING_INTEGER, "", "0", 0, LARGEST, NULL,
     "Which noise that is: for another number another, in every direction."},
    {"unit-columns", SETTING_FLAG, "", "no", 0, 0, NULL,
     "Scales each column of a drawn A to unit Euclidean norm, as sparse coding does."},
    {"condition", SETTING_REAL, "", NULL, 1, 1e8, NULL,
     "Replaces the singular values of a drawn A by a geometric sequence from 1 to 1/condition, scaled so that their "
     "squares sum to n; before unit-columns. Unset: as drawn."},
    {"rank", SETTING_INTEGER, "", NULL, 1, LARGEST, NULL,
     "Rank of a drawn A: the product of an m x rank matrix of A's distribution and a normal rank x n one, over "
     "sqrt(rank); before unit-columns. Unset: as drawn."},
    {"b", SETTING_TEXT, "", "uniform:-1:1", 0, 0, NULL,
     "Distribution of b's entries; `truth` for b = A x* of a sparse x*; or a data file: [m], or one instance a row or "
     "a column. Logistic regression draws its labels from a sparse x* instead; recovery's default is `truth`."},
    {"b-layout", SETTING_CHOICE, "", "auto", 0, 0, "auto|rows|columns",
     "Whether a data file b holds one instance a row or one a column; auto: whichever fits A."},
    {"density", SETTING_REAL, "", "0.1", 0, 1, NULL,
     "Probability that an entry of the true x* is not zero; such entries are standard normal."},
    {"nonzeros", SETTING_INTEGER, "entries", NULL, 0, LARGEST, NULL,
     "How many entries of each true x* are not zero, exactly. Instead of density."},
    {"truth-scale", SETTING_REAL, "", "1", 0, 1e6, NULL, "Standard deviation of the nonzero entries of the true x*."},
    {"truth", SETTING_TEXT, "", NULL, 0, 0, NULL,
     "Data file of the true x* that a data file b was measured from: [B, n], or [n] for one instance."},
    {"snr", SETTING_REAL, "dB", NULL, -300, 300, NULL,
     "Signal-to-noise ratio of b = A x* + noise with b = truth; unset: no noise."},
    {"x0", SETTING_TEXT, "", "normal:0.01", 0, 0, NULL,
     "Distribution of the initial point's entries, or a data file: [n] for all instances or [B, n]. Rosenbrock's "
     "default "
     "is normal:1, Rastrigin's uniform:-3:3, recovery's 0."},
    {"lambda", SETTING_TEXT, "", "0.005", 0, 0, NULL,
     "Weight of the penalty: a number, a distribution of the instances' weights (as log-uniform:1e-5:1e-2), or a data "
     "file "
     "with one number or one for each instance."},
    {"lambda-relative", SETTING_REAL, "of lambda_max", NULL, 0, 1e6, NULL,
     "Weight of the penalty as a fraction of each instance's lambda_max, the least weight whose solution is 0. "
     "Instead of lambda."},
    {"gradient-scale", SETTING_CHOICE, "", "batch", 0, 0, "batch|instance",
     "What learned optimizers see: each instance's gradient divided by the batch size, as in the literature, or as it "
     "is."},
    {"held-out", SETTING_REAL, "", "0.2", 0, 0.9, NULL,
     "Fraction of a user's instances that training and adaptation never see, the same ones for any seed; with 0, or "
     "one instance, nothing is held "
     "out "
     "and every stream sees all."},
    {NULL, SETTING_TEXT, NULL, NULL, 0, 0, NULL, NULL},
};
