SELECT
  arm
  {each plain: , plain#}
  {each measured: , range#}
  {each metrics: , metric#}
  {each conversions: , conversion#}
  {each means: , mean#}
FROM placed
