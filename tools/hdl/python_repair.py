import re
from types import SimpleNamespace as N
def repair_model(code, contract):
    m=re.findall(r'```(?:\w*)\n(.*?)(?:```|\Z)',code,re.S)
    return N(code=m[-1] if m else code, applied=())
