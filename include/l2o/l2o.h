/* l2o: learned optimizers. This header only includes the others. */
#ifndef L2O_L2O_H
#define L2O_L2O_H

#include "l2o/catalog.h"
#include "l2o/check.h"
#include "l2o/compare.h"
#include "l2o/context.h"
#include "l2o/experiment.h"
#include "l2o/optimizer.h"
#include "l2o/problem.h"
#include "l2o/report.h"
#include "l2o/settings.h"
#include "l2o/solve.h"
#include "l2o/status.h"
#include "l2o/stepper.h"
#include "l2o/train.h"
#include "l2o/vectors.h"

#endif
