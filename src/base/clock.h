/* The time that passes, for reports and for spacing checkpoints; never for anything that a result depends on. */
#ifndef L2O_BASE_CLOCK_H
#define L2O_BASE_CLOCK_H

double clock_seconds(void); /* since some fixed moment; never goes back */

#endif
