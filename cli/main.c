#include <stdio.h>
#include "l2o/vectors.h"
static void show(void*u,const l2o_vector_result*r){ (void)u; if(!r->compared||!r->passed) printf("%s %d %d %g %g\n",r->name,r->compared,r->passed,r->error,r->tolerance);}
int main(int c,char**v){ l2o_context*x; if(c<3) return 0; if(l2o_context_create(0,c>3?v[3]:NULL,&x)) {puts(l2o_context_error(x));return 2;} int f; if(l2o_check_vectors(x,v[1],v[2],show,NULL,&f)) puts(l2o_context_error(x)); printf("%s failed %d\n",v[1],f); l2o_context_free(x); return 0;}
