/* The ops tables that the registry lists; each is defined in the file of its optimizer. */
#ifndef L2O_OPTIMIZERS_REGISTRY_H
#define L2O_OPTIMIZERS_REGISTRY_H

#include "optimizers/optimizer.h"

extern const optimizer_ops optimizer_rnnprop;                                     /* learned/rnnprop.c */
extern const optimizer_ops optimizer_structured;                                  /* learned/structured.c */
extern const optimizer_ops optimizer_sgd, optimizer_momentum, optimizer_nesterov; /* classical/momentum.c */
extern const optimizer_ops optimizer_adam, optimizer_rmsprop;                     /* classical/adaptive.c */
extern const optimizer_ops optimizer_ista, optimizer_fista;                       /* classical/proximal.c */
extern const optimizer_ops optimizer_coordinate_descent;                          /* classical/coordinate_descent.c */
extern const optimizer_ops optimizer_lista, optimizer_lfista;                     /* unrolled/lista.c */
extern const optimizer_ops optimizer_lista_cp, optimizer_lista_cpss, optimizer_alista,
    optimizer_step_lista;                                                      /* unrolled/coupled.c */
extern const optimizer_ops optimizer_amp, optimizer_bayes_amp, optimizer_lamp; /* unrolled/message_passing.c */
extern const optimizer_ops optimizer_glista;                                   /* unrolled/glista.c */
extern const optimizer_ops optimizer_tista;                                    /* unrolled/tista.c */
extern const optimizer_ops optimizer_hyperlista;                               /* unrolled/hyperlista.c */

#endif
